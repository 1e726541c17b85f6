extension MariaDBServer {
  /// A database with some of everything.
  public static let richSchema = #"""
    CREATE SEQUENCE counter START 100 INCREMENT 7;
    CREATE TABLE customer (
      id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(200) CHARACTER SET utf8mb4 NOT NULL, data JSON, raw BLOB,
      state ENUM('new', 'it''s', 'q"x', 'back\\slash') DEFAULT 'new', flags SET('a', 'b'),
      number BIGINT DEFAULT (NEXTVAL(counter)), base INT DEFAULT 3, twice BIGINT AS (base * 2) STORED,
      length INT AS (CHAR_LENGTH(name)) VIRTUAL, joined TIMESTAMP DEFAULT '2020-01-01 00:00:00', bits BIT(9),
      amount DECIMAL(30, 10), ratio DOUBLE, place POINT, CHECK (CHAR_LENGTH(name) > 0), FULLTEXT (name), INDEX (joined)
    ) COMMENT 'it''s; -- a /* comment';
    INSERT INTO customer (name, data, raw, flags, bits, amount, ratio, place)
      SELECT CONCAT('name ', seq, ' "q" \\ 😀 ü\n\t\r;\0 -- /*'), JSON_OBJECT('i', seq, 'n', NULL),
        CONCAT(UNHEX(MD5(seq)), X'00275C0A0D1A22FF'), 'a,b', seq % 512, seq / 7, seq / 3, POINT(seq, -seq)
      FROM seq_1_to_2000;
    CREATE TABLE orders (
      id INT PRIMARY KEY, customer BIGINT, parent INT,
      CONSTRAINT buyer FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE,
      FOREIGN KEY (parent) REFERENCES orders (id) ON UPDATE CASCADE);
    INSERT INTO orders SELECT seq, seq, NULLIF(seq - 1, 0) FROM seq_1_to_500;
    CREATE TABLE parts (id INT, at DATE, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at))
      (PARTITION old VALUES LESS THAN (2020), PARTITION recent VALUES LESS THAN MAXVALUE);
    INSERT INTO parts VALUES (1, '2019-01-01'), (2, '2024-01-01');
    CREATE TABLE `odd ``table`` "x" 'y' ; -- ü 表` (`the ``column``` INT, `semi;colon` TEXT, `back\slash` INT);
    INSERT INTO `odd ``table`` "x" 'y' ; -- ü 表` VALUES (1, '-- Dump completed', 2), (NULL, '', NULL), (3, '\\N', 4);
    CREATE TABLE versions (a INT) WITH SYSTEM VERSIONING;
    INSERT INTO versions VALUES (1), (2); UPDATE versions SET a = 3 WHERE a = 2;
    CREATE TABLE log (a INT, b TEXT) ENGINE = MyISAM; INSERT INTO log VALUES (1, 'x');
    CREATE TABLE merged (a INT, b TEXT) ENGINE = MERGE UNION = (log);
    CREATE TABLE crash (a INT) ENGINE = Aria; INSERT INTO crash VALUES (1), (1);
    CREATE TABLE empty (a INT);
    CREATE TABLE legacy (a VARCHAR(20)) CHARACTER SET latin1 COLLATE latin1_german1_ci; INSERT INTO legacy VALUES ('äöü');
    DELIMITER //
    CREATE FUNCTION next_one(a INT) RETURNS INT DETERMINISTIC COMMENT 'it''s' BEGIN
      -- a comment; with an 'apostrophe
      /* a block; */ # a hash with "quote
      RETURN a + 1;
    END//
    CREATE PROCEDURE note(IN a INT) SQL SECURITY INVOKER BEGIN
      SELECT ';;', '\\', "it's";
      INSERT INTO log VALUES (a, 'y');
    END//
    CREATE TRIGGER touch BEFORE INSERT ON orders FOR EACH ROW BEGIN
    -- Table structure for table `x`
      IF NEW.parent = 0 THEN SET NEW.parent = NULL; END IF;
    END//
    CREATE TRIGGER touch_log AFTER DELETE ON log FOR EACH ROW SET @a = 1//
    CREATE TRIGGER later AFTER DELETE ON log FOR EACH ROW FOLLOWS touch_log SET @a = 2//
    CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01' COMMENT 'x' DO BEGIN DELETE FROM log WHERE a < 0; END//
    CREATE EVENT sleeping ON SCHEDULE EVERY 1 HOUR STARTS '2024-01-01' DISABLE DO DELETE FROM log WHERE a < 0//
    SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'//
    CREATE FUNCTION slash() RETURNS VARCHAR(9) DETERMINISTIC RETURN CONCAT('\', '''')//
    SET sql_mode = ORACLE//
    CREATE PACKAGE tools AS PROCEDURE one; END;//
    CREATE PACKAGE BODY tools AS PROCEDURE one AS BEGIN SELECT 1; END; END;//
    SET sql_mode = ''//
    DELIMITER ;
    CREATE VIEW a_first AS SELECT 1 AS id;
    CREATE VIEW totals AS SELECT c.id, next_one(c.id) AS next, o.id AS `order id` FROM customer c JOIN orders o ON o.customer = c.id;
    CREATE OR REPLACE SQL SECURITY INVOKER VIEW a_first AS SELECT t.id FROM totals t WHERE t.id < 10;
    CREATE VIEW young AS SELECT id, name FROM customer WHERE id < 100 WITH CASCADED CHECK OPTION;
    CREATE VIEW numbers AS SELECT NEXTVAL(counter) AS n;
    """#
}
