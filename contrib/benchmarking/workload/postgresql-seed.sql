-- A shop with its customers, their orders, and what happened to these: about 590 MB as an uncompressed dump.
-- :scale multiplies the numbers of rows.
\set ON_ERROR_STOP 1

-- Text as people type it: n words, always the same ones for a seed.
CREATE OR REPLACE FUNCTION rtext(n int, seed bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
 SELECT string_agg((ARRAY['order','shipped','the','customer','asked','for','refund','priority','north','warehouse','delayed','carrier','invoice','paid','late','discount','coupon','spring','sale','blue','large','item','returned','damaged','box','left','front','door','signature','required','phone','call','before','delivery','gift','wrap','message','happy','birthday','express','standard'])[1+ (abs(hashint8(seed*31+i*7919)) % 40)], ' ') FROM generate_series(1,n) i $$;

CREATE TABLE users(id bigint primary key, email text, name text, created timestamptz, pw bytea, prefs jsonb);
CREATE TABLE orders(id bigint primary key, user_id bigint, total numeric(10,2), status text, created timestamptz, updated timestamptz, note text, ref uuid);
CREATE TABLE events(id bigint primary key, order_id bigint, kind text, at timestamptz, payload jsonb);

INSERT INTO users SELECT i, 'user'||i||'@'||(ARRAY['example.org','mail.test','corp.example'])[1+i%3], 'Name '||md5(i::text), timestamptz '2020-01-01'+ (i||' min')::interval, decode(md5(i::text)||md5((i*7)::text),'hex'), jsonb_build_object('lang',(ARRAY['en','de','fr','ja'])[1+i%4],'news',i%2=0,'tz',i%24) FROM generate_series(1,(300000*:scale)::int) i;
INSERT INTO orders SELECT i, 1+abs(hashint8(i))%300000, (abs(hashint8(i*3))%100000)/100.0, (ARRAY['new','paid','shipped','done','returned'])[1+abs(hashint8(i*5))%5], timestamptz '2022-01-01'+(i*20||' s')::interval, timestamptz '2022-01-01'+(i*20+abs(hashint8(i))%86400||' s')::interval, rtext(4+(i%12)::int, i), md5(i::text)::uuid FROM generate_series(1,(1200000*:scale)::int) i;
INSERT INTO events SELECT i, 1+abs(hashint8(i*11))%1200000, (ARRAY['view','add','pay','ship','mail'])[1+abs(hashint8(i*13))%5], timestamptz '2022-01-01'+(i*10||' s')::interval, jsonb_build_object('ip', '10.'||i%256||'.'||(i/256)%256||'.'||abs(hashint8(i))%256, 'ua', rtext(5,i%500), 'sid', md5((i*17)::text)) FROM generate_series(1,(2000000*:scale)::int) i;

CREATE INDEX ON orders(user_id); CREATE INDEX ON events(order_id);
VACUUM ANALYZE;
