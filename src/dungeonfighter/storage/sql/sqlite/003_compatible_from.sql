-- compatible_from: 0.1.0
--
-- The oldest release that can run on the schema after each step: an older release that starts looks here.
-- Which step was the last stands in `user_version`, as before.
create table schema_version (
    version         integer primary key,
    compatible_from text not null,
    applied_at      real
);

insert into schema_version (version, compatible_from) values (1, '0.1.0'), (2, '0.1.0');
