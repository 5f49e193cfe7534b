-- compatible_from: 0.1.0
--
-- Facts about the store as a whole, such as the time of its last backup.
create table store_facts (
    name       text primary key,
    value      text not null,
    updated_at real not null
) without rowid;
