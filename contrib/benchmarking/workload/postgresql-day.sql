-- A day in the shop. New: 1 % of the events, 0.5 % of the orders. Changed: 0.4 % of the orders anywhere, 2 % of their
-- newest tenth, 0.5 % of the users. Deleted: 0.05 % of the events.
\set ON_ERROR_STOP 1

INSERT INTO orders SELECT i, 1+abs(hashint8(i))%300000, (abs(hashint8(i*3))%100000)/100.0, 'new', timestamptz '2022-01-01'+(i*20||' s')::interval, now(), rtext(4+(i%12)::int, i), md5(i::text)::uuid FROM (SELECT max(id) m FROM orders) x, generate_series(x.m+1, x.m+(6000*:scale)::int) i;
INSERT INTO events SELECT i, 1+abs(hashint8(i*11))%1200000, (ARRAY['view','add','pay','ship','mail'])[1+abs(hashint8(i*13))%5], timestamptz '2022-01-01'+(i*10||' s')::interval, jsonb_build_object('ip', '10.'||i%256||'.'||(i/256)%256||'.'||abs(hashint8(i))%256, 'ua', rtext(5,i%500), 'sid', md5((i*17)::text)) FROM (SELECT max(id) m FROM events) x, generate_series(x.m+1, x.m+(20000*:scale)::int) i;
UPDATE orders SET status=(ARRAY['paid','shipped','done','returned'])[1+abs(hashint8(id+:day))%4], updated=now() WHERE abs(hashint8(id*97+:day))%1000 < 4;
UPDATE orders SET status='done', updated=now() WHERE id > (SELECT max(id)*9/10 FROM orders) AND abs(hashint8(id*89+:day))%100 < 2;
UPDATE users SET prefs=prefs||jsonb_build_object('seen',:day) WHERE abs(hashint8(id*83+:day))%1000 < 5;
DELETE FROM events WHERE abs(hashint8(id*79+:day))%10000 < 5;
