-- name: partition_count
select count(*) from pg_inherits where inhparent = to_regclass($1);

-- name: partition_names
select c.relname::text from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
where i.inhparent = to_regclass($1) order by c.relname collate "C";

-- name: options
select coalesce(array_to_string(reloptions, ', '), '') from pg_class where oid = to_regclass($1);

-- name: primary_key
select conname::text, pg_get_constraintdef(oid) from pg_constraint
where conrelid = to_regclass($1) and contype = 'p';

-- name: indexes
select pg_get_indexdef(indexrelid) from pg_index
where indrelid = to_regclass($1) and not indisprimary order by 1;

-- name: attached
-- The partitions that have their part of an index.
select p.relname::text from pg_inherits as i
join pg_index as x on x.indexrelid = i.inhrelid
join pg_class as p on p.oid = x.indrelid
where i.inhparent = to_regclass($1) and x.indisvalid;

-- name: commit_updates
-- The part of `commit` between `written` and `inserted`, for a partitioned `games`. An `update` would join each
-- partition with the batch, perhaps in the order of the partitions. The lateral query locks the rows in the order
-- of the batch, and finds the partition of each by its key; so does an insertion, which meets the locked row.
), held as materialized (
    select w.*
    from written as w cross join lateral (
        select from games as g
        where g.bot_id = w.bot_id and g.version = w.from_version and g.digest = w.from_digest
          and substring(g.trail from greatest(length(g.trail) - 11, 1)) = w.from_tail
        for no key update
    ) as standing
), updated as (
    insert into games (bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
                       updated_at)
    select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today, now()
    from held
    on conflict (bot_id) do update
    set version = excluded.version, digest = excluded.digest, episode = excluded.episode,
        turn = excluded.turn, rules = excluded.rules, state = excluded.state, trail = excluded.trail,
        directive = excluded.directive, tokens_today = excluded.tokens_today, updated_at = excluded.updated_at
    returning bot_id
