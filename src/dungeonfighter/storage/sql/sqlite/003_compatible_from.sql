-- compatible_from: 0.1.0
--
-- The table holds the oldest release that can run on the schema after each step; a release that finds a newer
-- schema reads it before it starts. The number of the last step is still in `user_version`.
create table schema_version (
    version         integer primary key,
    compatible_from text not null,
    applied_at      real
);

insert into schema_version (version, compatible_from) values (1, '0.1.0'), (2, '0.1.0');
