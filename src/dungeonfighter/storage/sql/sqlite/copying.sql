-- name: has_marker
select count(*) from sqlite_master where type = 'table' and name = 'copy_progress';

-- name: make_marker
-- The table is in the target of a copy that is not complete.
create table copy_progress (
    source     text    not null,
    state      text    not null,
    table_name text    not null,
    position   text    not null,
    broken     integer not null
);

-- name: drop_marker
drop table copy_progress;

-- name: read_marker
select source, state, table_name, position, broken from copy_progress;

-- name: clear_marker
delete from copy_progress;

-- name: write_marker
insert into copy_progress (source, state, table_name, position, broken) values (?, ?, ?, ?, ?);

-- name: columns
select name, lower(type), "notnull", pk from pragma_table_info(?) order by cid;
