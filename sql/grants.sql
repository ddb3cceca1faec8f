-- Who may do what: two users, each with no more than it needs. `roomwatt check --online` says which right
-- is missing, with the statement that gives it.
--
-- Run as an administrator. Put your own names in place of `hotel` (the database), 'roomwatt',
-- 'roomwatt_init' and '%' (the machine they come from), and passwords of your own. A user that comes
-- over a network better has REQUIRE SSL; see mysql.tls_ca.

-- 1. For `roomwatt init-db`, before it is first run and before each new version. The tables need not be
--    there yet. MySQL's manual wants CREATE and INSERT for ALTER, too.

CREATE USER IF NOT EXISTS 'roomwatt_init'@'%' IDENTIFIED BY 'change me';

GRANT SELECT, INSERT, CREATE ON `hotel`.`schema_migration` TO 'roomwatt_init'@'%';
GRANT SELECT, INSERT, UPDATE, CREATE, ALTER ON `hotel`.`service` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`notification` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`rejected_message` TO 'roomwatt_init'@'%';
GRANT SELECT, INSERT, CREATE ON `hotel`.`room_state` TO 'roomwatt_init'@'%';
GRANT CREATE ON `hotel`.`silent_hotel` TO 'roomwatt_init'@'%';

-- Tables of the original program are created where they are missing, and never changed. SELECT is for
-- `init-db --adopt`, and so are UPDATE on service, SELECT and INSERT on room_state.
GRANT SELECT, CREATE ON `hotel`.`electricity_monitoring` TO 'roomwatt_init'@'%';
GRANT CREATE ON `hotel`.`electricity_abnormal` TO 'roomwatt_init'@'%';
GRANT CREATE ON `hotel`.`smart_meter` TO 'roomwatt_init'@'%';

-- 2. For the service and all other commands, after init-db: a right on a table takes the table.

CREATE USER IF NOT EXISTS 'roomwatt'@'%' IDENTIFIED BY 'change me';

GRANT SELECT ON `hotel`.`schema_migration` TO 'roomwatt'@'%';
GRANT SELECT, UPDATE ON `hotel`.`service` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`room_state` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`silent_hotel` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `hotel`.`notification` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `hotel`.`rejected_message` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE ON `hotel`.`electricity_monitoring` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE ON `hotel`.`electricity_abnormal` TO 'roomwatt'@'%';

-- The meter table is only read. Of a view, a right on the view is enough; with SHOW VIEW on it and SELECT
-- on what is behind it, `roomwatt check --online` can also say whether indexes are missing there.
-- `roomwatt simulate` also takes INSERT on it: better on a database to try things on.
GRANT SELECT ON `hotel`.`smart_meter` TO 'roomwatt'@'%';
