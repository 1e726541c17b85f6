-- A day in the shop: what postgresql-day.sql does.

SET @last = (SELECT MAX(id) FROM orders);
INSERT INTO orders
  SELECT id, user_id, total, 'new', created, NOW(6), note, ref FROM vocabulary.orders
  WHERE id > @last AND id <= @last + 6000 * @scale;
SET @last = (SELECT MAX(id) FROM events);
INSERT INTO events SELECT * FROM vocabulary.events WHERE id > @last AND id <= @last + 20000 * @scale;
UPDATE orders SET status = ELT(1 + CRC32(id + @day) % 4, 'paid', 'shipped', 'done', 'returned'), updated = NOW(6)
  WHERE CRC32(id * 97 + @day) % 1000 < 4;
SET @recent = (SELECT MAX(id) * 9 / 10 FROM orders);
UPDATE orders SET status = 'done', updated = NOW(6) WHERE id > @recent AND CRC32(id * 89 + @day) % 100 < 2;
UPDATE users SET prefs = JSON_SET(prefs, '$.seen', @day) WHERE CRC32(id * 83 + @day) % 1000 < 5;
DELETE FROM events WHERE CRC32(id * 79 + @day) % 10000 < 5;
