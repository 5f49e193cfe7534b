-- compatible_from: 0.1.0
--
-- The oldest release that can run on the schema after each step: an older release that starts looks here.
alter table schema_version add column compatible_from text;

update schema_version set compatible_from = '0.1.0';
