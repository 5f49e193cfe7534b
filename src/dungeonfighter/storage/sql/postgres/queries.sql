-- name: commit
with written as (
    select *
    from unnest($1::text[], $2::bigint[], $3::bytea[], $4::int[], $5::int[], $6::text[], $7::bytea[], $8::bytea[],
                $9::text[], $10::bigint[], $11::bigint[], $12::bytea[], $13::bytea[])
        as w (bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
              from_version, from_digest, from_tail)
), updated as (
    update games as g
    set version = w.version, digest = w.digest, episode = w.episode, turn = w.turn, rules = w.rules,
        state = w.state, trail = w.trail, directive = w.directive, tokens_today = w.tokens_today,
        updated_at = now()
    from written as w
    where g.bot_id = w.bot_id and g.version = w.from_version and g.digest = w.from_digest
      and substring(g.trail from greatest(length(g.trail) - 11, 1)) = w.from_tail
    returning g.bot_id
), inserted as (
    insert into games (bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
                       updated_at)
    select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today, now()
    from written
    where from_version = 0
    on conflict do nothing
    returning bot_id
), won as (
    select bot_id from updated union all select bot_id from inserted
), chunks as (
    insert into run_inputs (bot_id, episode, first_turn, inputs)
    select c.bot_id, c.episode, c.first_turn, c.inputs
    from unnest($14::text[], $15::int[], $16::int[], $17::text[]) as c (bot_id, episode, first_turn, inputs)
    where c.bot_id in (select bot_id from won)
    on conflict (bot_id, episode, first_turn) do update set inputs = excluded.inputs
), ended as (
    insert into episodes (bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn,
                          result, score, digest, ranked, origin, nonce, ended_at)
    select e.bot_id, e.episode, e.rules, e.seed, e.mode, e.options, e.parent_episode, e.first_turn, e.last_turn,
           e.result, e.score, e.digest, e.ranked, e.origin, e.nonce, now()
    from unnest($18::text[], $19::int[], $20::text[], $21::bigint[], $22::text[], $23::text[], $24::int[],
                $25::int[], $26::int[], $27::text[], $28::int[], $29::bytea[], $30::boolean[], $31::text[],
                $32::bytea[])
        as e (bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
              digest, ranked, origin, nonce)
    where e.bot_id in (select bot_id from won)
    on conflict (bot_id, episode) do update
    set rules = excluded.rules, seed = excluded.seed, mode = excluded.mode, options = excluded.options,
        parent_episode = excluded.parent_episode, first_turn = excluded.first_turn,
        last_turn = excluded.last_turn, result = excluded.result, score = excluded.score,
        digest = excluded.digest, ranked = excluded.ranked, origin = excluded.origin, nonce = excluded.nonce,
        ended_at = excluded.ended_at, checked = 0, attestation = '',
        inputs_digest = '', tries = 0, leased_until = 'epoch'
), bases as (
    insert into run_bases (bot_id, episode, base)
    select b.bot_id, b.episode, b.base
    from unnest($33::text[], $34::int[], $35::bytea[]) as b (bot_id, episode, base)
    where b.bot_id in (select bot_id from won)
    on conflict (bot_id, episode) do update set base = excluded.base
)
select bot_id from won;

-- name: heads
select bot_id, version, digest, substring(trail from greatest(length(trail) - 11, 1))
from games where bot_id = any($1::text[]);

-- name: load
select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
       extract(epoch from updated_at)::float8
from games where bot_id = any($1::text[]);

-- name: read_keys
select from games where bot_id > '' limit 1;

-- name: settle
select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
       extract(epoch from updated_at)::float8
from games where bot_id = any($1::text[]) order by bot_id for update;

-- name: not_held
select bot_id from games where bot_id = any($1::text[]) for update skip locked;

-- name: put_save
insert into character_saves (bot_id, slot, character_data, version, created_at, updated_at)
select $1::text, $2::text, $3::text::jsonb, 1, now(), now()
where (select count(*) from character_saves where bot_id = $1::text and slot <> $2::text) < $4
on conflict (bot_id, slot) do update
set character_data = excluded.character_data, version = character_saves.version + 1, updated_at = excluded.updated_at
returning slot;

-- name: lock_saves
-- Servers put the saves of one bot one after the other, so that each counts those of the others.
select pg_advisory_xact_lock(4919046, hashtext($1));

-- name: get_save
select bot_id, slot, character_data::text, version, extract(epoch from updated_at)::float8
from character_saves where bot_id = $1 and slot = $2;

-- name: list_saves
select bot_id, slot, character_data::text, version, extract(epoch from updated_at)::float8
from character_saves where bot_id = $1 order by slot;

-- name: delete_save
delete from character_saves where bot_id = $1 and slot = $2 returning slot;

-- name: put_token
insert into tokens (digest, prefix, fleet, bots, scopes, turns_required, limits, created_at, expires_at, revoked_at,
                    version)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (select coalesce(max(version), 0) + 1 from tokens))
on conflict (digest) do update
set prefix = excluded.prefix, fleet = excluded.fleet, bots = excluded.bots, scopes = excluded.scopes,
    turns_required = excluded.turns_required, limits = excluded.limits, created_at = excluded.created_at,
    expires_at = excluded.expires_at, revoked_at = excluded.revoked_at, version = excluded.version;

-- name: lock_tokens
-- Versions are committed in their order.
lock table tokens in share row exclusive mode;

-- name: tokens_after
select digest, prefix, fleet, bots, scopes, turns_required, limits, created_at, expires_at, revoked_at, version
from tokens where version > $1 order by version;

-- name: list_bots
select bot_id, episode, turn, extract(epoch from updated_at)::float8 from games
where bot_id > $1 and bot_id >= $2 and bot_id < $3 and length(state) > 0
order by bot_id limit $4;

-- name: count_bots
select count(*) from (select from games where bot_id >= $1 and bot_id < $2 limit $3) as found;

-- name: best_runs
select ranked, mode, score, bot_id, episode, last_turn - first_turn, result from episodes
where bot_id >= $1 and bot_id < $2 and checked <> 2
order by ranked desc, mode desc, score desc, bot_id, episode limit $3;

-- name: inputs
select episode, first_turn, inputs from run_inputs where bot_id = $1 and episode = $2 order by first_turn;

-- name: episodes
select episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score, digest, ranked,
       origin, nonce
from episodes where bot_id = $1 order by episode;

-- name: ended_run
select episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score, digest, ranked,
       origin, nonce
from episodes where bot_id = $1 and episode = $2;

-- name: past_runs
select episode, first_turn, last_turn, result, score, mode, ranked, extract(epoch from ended_at)::float8
from episodes where bot_id = $1 and episode < $2 order by episode desc limit $3;

-- name: base
select base from run_bases where bot_id = $1 and episode = $2;

-- name: secret
with made as (
    insert into shared_secrets (name, value) values ($1, $2) on conflict do nothing returning value
)
select value from made union all select value from shared_secrets where name = $1;

-- name: schema_exists
select to_regclass('schema_version') is not null;

-- name: schema_applied_steps
select version, to_jsonb(s) ->> 'compatible_from' from schema_version as s;

-- name: schema_lock
select pg_advisory_xact_lock(4919046371021);

-- name: schema_table
create table if not exists schema_version (version integer primary key, applied_at timestamptz not null default now());

-- name: schema_step
insert into schema_version (version, compatible_from) values ($1, $2);

-- name: schema_index_lock
select pg_try_advisory_lock(4919046371022);

-- name: schema_index_lock_in_transaction
select pg_try_advisory_xact_lock(4919046371022);

-- name: schema_table_bytes
-- A partitioned table has no bytes of its own.
select coalesce((select sum(pg_relation_size(relid)) from pg_partition_tree(to_regclass($1))),
                pg_relation_size(to_regclass($1)), 0)::bigint;

-- name: schema_index_is_valid
select indisvalid from pg_index where indexrelid = to_regclass($1);

-- name: schema_index_progress
select phase, blocks_done, blocks_total, tuples_done, tuples_total, lockers_done, lockers_total
from pg_stat_progress_create_index
where datname = current_database()
  and (relid = to_regclass($1) or relid in (select t.relid from pg_partition_tree(to_regclass($1)) as t));

-- name: load_without_texts
-- For a row whose texts the server or the driver cannot decode.
select bot_id, version, digest, episode, turn, trail, tokens_today, extract(epoch from updated_at)::float8
from games where bot_id = any($1::text[]);

-- name: settle_without_texts
select from games where bot_id = any($1::text[]) order by bot_id for update;

-- name: top_by_tokens
select bot_id, episode, turn, tokens_today, extract(epoch from updated_at)::float8 from games
where bot_id >= $1 and bot_id < $2 and length(state) > 0
order by case when tokens_today >> 32 >= $4 then tokens_today & 4294967295 else 0 end desc, bot_id limit $3;

-- name: top_by_turns
select bot_id, episode, turn, tokens_today, extract(epoch from updated_at)::float8 from games
where bot_id >= $1 and bot_id < $2 and length(state) > 0
order by turn desc, bot_id limit $3;

-- name: top_by_updated
select bot_id, episode, turn, tokens_today, extract(epoch from updated_at)::float8 from games
where bot_id >= $1 and bot_id < $2 and length(state) > 0
order by updated_at desc, bot_id limit $3;

-- name: last_episodes
select episode, result, last_turn, score, extract(epoch from ended_at)::float8 from episodes
where bot_id = $1 order by episode desc limit $2;

-- name: count_episodes
select count(*) from episodes where bot_id = $1;

-- name: runs_after
select bot_id, episode from episodes
where (bot_id, episode) > ($1::text, $2::int) and bot_id >= $3 and bot_id < $4
order by bot_id, episode limit $5;

-- name: present_runs_after
select bot_id, episode from games
where bot_id >= $1 and (bot_id > $1 or episode > $2::int) and bot_id >= $3 and bot_id < $4 and length(state) > 0
order by bot_id limit $5;

-- name: read_secret
select value from shared_secrets where name = $1;

-- name: fact
select value from store_facts where name = $1;

-- name: facts
-- A session waits for a synchronous standby (SyncRep) until this has confirmed its commit.
select (select value from store_facts where name = $1),
    extract(epoch from clock_timestamp())::float8,
    (select count(*) from pg_stat_activity
     where wait_event = 'SyncRep' and usename = current_user and datname = current_database()
        and clock_timestamp() - query_start > interval '1 second');

-- name: put_fact
insert into store_facts (name, value, updated_at) values ($1, $2, now())
on conflict (name) do update set value = excluded.value, updated_at = excluded.updated_at;

-- name: verify_games
select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
       extract(epoch from updated_at)::float8
from games where bot_id > $1 order by bot_id limit $2;

-- name: verify_game
select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
       extract(epoch from updated_at)::float8
from games where bot_id = $1;

-- name: verify_keys
select bot_id from games where bot_id > $1 order by bot_id limit $2;

-- name: verify_saves
select bot_id, slot, character_data::text from character_saves
where (bot_id, slot) > ($1, $2) and bot_id <= $3 order by bot_id, slot limit $4;

-- name: verify_runs
select bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score, digest,
       ranked
from episodes where (bot_id, episode) > ($1, $2) and bot_id <= $3 order by bot_id, episode limit $4;

-- name: verify_inputs
select bot_id, episode, first_turn, inputs from run_inputs
where (bot_id, episode, first_turn) > ($1, $2, $3) and bot_id <= $4
order by bot_id, episode, first_turn limit $5;

-- name: verify_bases
select b.bot_id, b.episode, b.base, coalesce(e.rules, g.rules, '')
from run_bases as b
left join episodes as e on e.bot_id = b.bot_id and e.episode = b.episode
left join games as g on g.bot_id = b.bot_id and g.episode = b.episode
where (b.bot_id, b.episode) > ($1, $2) and b.bot_id <= $3 order by b.bot_id, b.episode limit $4;
