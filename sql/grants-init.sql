-- The user of `roomwatt init-db`, with no more rights than it needs: before init-db is first run. The
-- tables need not be there yet. Next come init-db itself and grants-service.sql.
--
-- Run as an administrator. Put your own names in place of `hotel` (the database), 'roomwatt_init' and
-- '%' (the machine it comes from), and a password of your own. A user that comes over a network better
-- has REQUIRE SSL; see mysql.tls_ca. MySQL's manual wants CREATE and INSERT for ALTER, too.

CREATE USER IF NOT EXISTS 'roomwatt_init'@'%' IDENTIFIED BY 'change me';

GRANT SELECT, INSERT, CREATE ON `hotel`.`schema_migration` TO 'roomwatt_init'@'%';
GRANT SELECT, INSERT, UPDATE, CREATE, ALTER ON `hotel`.`service` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`notification` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`rejected_message` TO 'roomwatt_init'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON `hotel`.`room_state` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`silent_hotel` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`hotel_state` TO 'roomwatt_init'@'%';
GRANT CREATE ON `hotel`.`threshold` TO 'roomwatt_init'@'%';
GRANT CREATE ON `hotel`.`hotel_frame` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`incident` TO 'roomwatt_init'@'%';
GRANT INSERT, CREATE, ALTER ON `hotel`.`incident_event` TO 'roomwatt_init'@'%';

-- Tables of the original program are created where they are missing, and never altered. SELECT is for
-- `init-db --adopt`, and so are UPDATE on service, and SELECT, INSERT and DELETE on room_state. INSERT and
-- UPDATE are for rooms that the service has watched before: their last row has to say what they are.
GRANT SELECT, INSERT, UPDATE, CREATE ON `hotel`.`electricity_monitoring` TO 'roomwatt_init'@'%';
GRANT CREATE ON `hotel`.`electricity_abnormal` TO 'roomwatt_init'@'%';
GRANT CREATE ON `hotel`.`smart_meter` TO 'roomwatt_init'@'%';
