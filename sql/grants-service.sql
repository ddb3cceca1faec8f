-- The user of the service and of all other commands, with no more rights than it needs: after init-db,
-- because a right on a table takes the table. `roomwatt check --online` says which right is missing,
-- with the statement that gives it.
--
-- Run as an administrator. Put your own names in place of `hotel` (the database), 'roomwatt' and '%'
-- (the machine it comes from), and a password of your own. A user that comes over a network better has
-- REQUIRE SSL; see mysql.tls_ca.

CREATE USER IF NOT EXISTS 'roomwatt'@'%' IDENTIFIED BY 'change me';

GRANT SELECT ON `hotel`.`schema_migration` TO 'roomwatt'@'%';
GRANT SELECT, UPDATE ON `hotel`.`service` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`room_state` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`silent_hotel` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`hotel_state` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`threshold` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`hotel_frame` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `hotel`.`incident` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, DELETE ON `hotel`.`incident_event` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `hotel`.`notification` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON `hotel`.`rejected_message` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE ON `hotel`.`electricity_monitoring` TO 'roomwatt'@'%';
GRANT SELECT, INSERT, UPDATE ON `hotel`.`electricity_abnormal` TO 'roomwatt'@'%';

-- The meter table is only read. Of a view, a right on the view is enough; with SHOW VIEW on it and SELECT
-- on what is behind it, `roomwatt check --online` can also say whether indexes are missing there.
-- `roomwatt simulate` also takes INSERT on it: better on a database to try things on.
GRANT SELECT ON `hotel`.`smart_meter` TO 'roomwatt'@'%';
