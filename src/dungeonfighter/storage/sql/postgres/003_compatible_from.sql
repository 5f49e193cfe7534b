-- compatible_from: 0.1.0
--
-- The column holds the oldest release that can run on the schema after each step; a release that finds a newer
-- schema reads it before it starts.
alter table schema_version add column compatible_from text;

update schema_version set compatible_from = '0.1.0';
