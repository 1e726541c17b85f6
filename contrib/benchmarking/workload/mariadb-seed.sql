-- The shop of postgresql-seed.sql, as MariaDB has it: about 610 MB as a dump.
-- @scale multiplies the numbers of rows.

-- Notes are put together from phrases of three words, which are kept outside the database that is dumped.
CREATE DATABASE vocabulary;
CREATE TABLE vocabulary.word(id int AUTO_INCREMENT PRIMARY KEY, text varchar(16));
INSERT INTO vocabulary.word(text) VALUES
  ('order'),('shipped'),('the'),('customer'),('asked'),('for'),('refund'),('priority'),('north'),('warehouse'),
  ('delayed'),('carrier'),('invoice'),('paid'),('late'),('discount'),('coupon'),('spring'),('sale'),('blue'),
  ('large'),('item'),('returned'),('damaged'),('box'),('left'),('front'),('door'),('signature'),('required'),
  ('phone'),('call'),('before'),('delivery'),('gift'),('wrap'),('message'),('happy'),('birthday'),('express');
CREATE TABLE vocabulary.phrase(id int PRIMARY KEY, text varchar(50))
  SELECT (a.id - 1) * 1600 + (b.id - 1) * 40 + c.id - 1 AS id, CONCAT_WS(' ', a.text, b.text, c.text) AS text
  FROM vocabulary.word a, vocabulary.word b, vocabulary.word c;

CREATE TABLE users(id bigint PRIMARY KEY, email varchar(100), name varchar(100), created datetime, pw binary(32), prefs json);
CREATE TABLE orders(id bigint PRIMARY KEY, user_id bigint, total decimal(10,2), status varchar(10), created datetime, updated datetime(6), note text, ref char(32));
CREATE TABLE events(id bigint PRIMARY KEY, order_id bigint, kind varchar(10), at datetime, payload json);

-- The rows that ids make. Both the seed and every day insert from these.
CREATE VIEW vocabulary.orders AS
  SELECT seq AS id, 1 + CRC32(seq) % 300000 AS user_id, CRC32(seq * 3) % 100000 / 100 AS total,
    ELT(1 + CRC32(seq * 5) % 5, 'new', 'paid', 'shipped', 'done', 'returned') AS status,
    TIMESTAMP '2022-01-01 00:00:00' + INTERVAL seq * 20 SECOND AS created,
    TIMESTAMP '2022-01-01 00:00:00' + INTERVAL seq * 20 + CRC32(seq) % 86400 SECOND AS updated,
    SUBSTRING_INDEX(CONCAT_WS(' ', p1.text, p2.text, p3.text, p4.text, p5.text), ' ', 4 + seq % 12) AS note,
    MD5(seq) AS ref
  FROM seq_1_to_10000000
    JOIN vocabulary.phrase p1 ON p1.id = CRC32(CONCAT('a', seq)) % 64000
    JOIN vocabulary.phrase p2 ON p2.id = CRC32(CONCAT('b', seq)) % 64000
    JOIN vocabulary.phrase p3 ON p3.id = CRC32(CONCAT('c', seq)) % 64000
    JOIN vocabulary.phrase p4 ON p4.id = CRC32(CONCAT('d', seq)) % 64000
    JOIN vocabulary.phrase p5 ON p5.id = CRC32(CONCAT('e', seq)) % 64000;
CREATE VIEW vocabulary.events AS
  SELECT seq AS id, 1 + CRC32(seq * 11) % 1200000 AS order_id,
    ELT(1 + CRC32(seq * 13) % 5, 'view', 'add', 'pay', 'ship', 'mail') AS kind,
    TIMESTAMP '2022-01-01 00:00:00' + INTERVAL seq * 10 SECOND AS at,
    JSON_OBJECT('ip', CONCAT_WS('.', 10, seq % 256, seq DIV 256 % 256, CRC32(seq) % 256),
      'ua', CONCAT_WS(' ', p1.text, SUBSTRING_INDEX(p2.text, ' ', 2)), 'sid', MD5(seq * 17)) AS payload
  FROM seq_1_to_10000000
    JOIN vocabulary.phrase p1 ON p1.id = CRC32(CONCAT('f', seq % 500)) % 64000
    JOIN vocabulary.phrase p2 ON p2.id = CRC32(CONCAT('g', seq % 500)) % 64000;

INSERT INTO users
  SELECT seq, CONCAT('user', seq, '@', ELT(1 + seq % 3, 'example.org', 'mail.test', 'corp.example')),
    CONCAT('Name ', MD5(seq)), TIMESTAMP '2020-01-01 00:00:00' + INTERVAL seq MINUTE,
    UNHEX(CONCAT(MD5(seq), MD5(seq * 7))),
    JSON_OBJECT('lang', ELT(1 + seq % 4, 'en', 'de', 'fr', 'ja'), 'news', seq % 2 = 0, 'tz', seq % 24)
  FROM seq_1_to_10000000 WHERE seq <= 300000 * @scale;
INSERT INTO orders SELECT * FROM vocabulary.orders WHERE id <= 1200000 * @scale;
INSERT INTO events SELECT * FROM vocabulary.events WHERE id <= 2000000 * @scale;

CREATE INDEX orders_user ON orders(user_id);
CREATE INDEX events_order ON events(order_id);
