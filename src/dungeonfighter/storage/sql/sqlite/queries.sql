-- name: insert_game
insert into games (version, digest, episode, turn, rules, state, trail, directive, tokens_today, updated_at, bot_id)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do nothing;

-- name: update_game
update games
set version = ?, digest = ?, episode = ?, turn = ?, rules = ?, state = ?, trail = ?, directive = ?,
    tokens_today = ?, updated_at = ?
where bot_id = ? and version = ? and cast(digest as blob) = ?
    and coalesce(substr(cast(trail as blob), -12), x'') = ?;

-- name: update_game_at
update games
set version = ?, digest = ?, episode = ?, turn = ?, rules = ?, state = ?, trail = ?, directive = ?,
    tokens_today = ?, updated_at = ?
where bot_id = ? and version = ? and digest = ? and substr(trail, -12) = ? and rowid = ?;

-- name: rowids
select bot_id, rowid from games where bot_id in (select value from json_each(?));

-- name: head
select version, digest from games where bot_id = ?;

-- name: heads
select bot_id, version, cast(digest as blob), coalesce(substr(cast(trail as blob), -12), x'') from games where bot_id in (select value from json_each(?));

-- name: load
select bot_id, version, cast(digest as blob), episode, turn, rules, cast(state as blob), cast(trail as blob), directive,
       tokens_today, updated_at
from games where bot_id in (select value from json_each(?));

-- name: load_raw
-- Flipped bits may have turned a value into one of any type, or a text into invalid UTF-8.
select case typeof(version) when 'integer' then version end, cast(digest as blob),
       case typeof(episode) when 'integer' then episode end, case typeof(turn) when 'integer' then turn end,
       cast(rules as blob), cast(state as blob), cast(trail as blob), cast(directive as blob),
       case typeof(tokens_today) when 'integer' then tokens_today end,
       case typeof(updated_at) when 'real' then updated_at else 0.0 end
from games where bot_id = ?;

-- name: count_keys
select count(bot_id) from games;

-- name: write_chunk
insert into run_inputs (bot_id, episode, first_turn, inputs) values (?, ?, ?, ?)
on conflict do update set inputs = excluded.inputs;

-- name: write_episode
insert into episodes (bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result,
                      score, digest, ranked, origin, nonce, ended_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do update
set rules = excluded.rules, seed = excluded.seed, mode = excluded.mode, options = excluded.options,
    parent_episode = excluded.parent_episode, first_turn = excluded.first_turn, last_turn = excluded.last_turn,
    result = excluded.result, score = excluded.score, digest = excluded.digest, ranked = excluded.ranked,
    origin = excluded.origin, nonce = excluded.nonce, ended_at = excluded.ended_at, checked = 0, attestation = x'',
    inputs_digest = x'', tries = 0, leased_until = 0;

-- name: write_base
insert into run_bases (bot_id, episode, base) values (?, ?, ?)
on conflict do update set base = excluded.base;

-- name: put_save
insert into character_saves (bot_id, slot, id, character_data, version, created_at, updated_at)
select ?1, ?2, ?3, ?4, 1, ?5, ?6
where (select count(*) from character_saves where bot_id = ?1 and slot <> ?2) < ?7
on conflict (bot_id, slot) do update
set character_data = excluded.character_data, version = character_saves.version + 1, updated_at = excluded.updated_at;

-- name: get_save
select bot_id, slot, character_data, version, updated_at from character_saves where bot_id = ? and slot = ?;

-- name: list_saves
select bot_id, slot, character_data, version, updated_at from character_saves where bot_id = ? order by slot;

-- name: delete_save
delete from character_saves where bot_id = ? and slot = ?;

-- name: put_token
insert into tokens (digest, prefix, fleet, bots, scopes, turns_required, limits, created_at, expires_at, revoked_at,
                    version)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (select coalesce(max(version), 0) + 1 from tokens))
on conflict (digest) do update
set prefix = excluded.prefix, fleet = excluded.fleet, bots = excluded.bots, scopes = excluded.scopes,
    turns_required = excluded.turns_required, limits = excluded.limits, created_at = excluded.created_at,
    expires_at = excluded.expires_at, revoked_at = excluded.revoked_at, version = excluded.version;

-- name: tokens_after
select digest, prefix, fleet, bots, scopes, turns_required, limits, created_at, expires_at, revoked_at, version
from tokens where version > ? order by version;

-- name: list_bots
select cast(bot_id as blob), episode, turn, updated_at from games
where bot_id > ? and bot_id >= ? and bot_id < ? and length(state) > 0
order by bot_id limit ?;

-- name: count_bots
select count(*) from (select 1 from games where bot_id >= ? and bot_id < ? limit ?);

-- name: best_runs
select ranked, cast(mode as blob), score, cast(bot_id as blob), episode, last_turn - first_turn, cast(result as blob)
from episodes
where bot_id >= ? and bot_id < ? and checked <> 2
order by ranked desc, mode desc, score desc, bot_id, episode limit ?;

-- name: inputs
select episode, first_turn, inputs from run_inputs where bot_id = ? and episode = ? order by first_turn;

-- name: episodes
select episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score, digest, ranked,
       origin, nonce
from episodes where bot_id = ? order by episode;

-- name: ended_run
select episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score, digest, ranked,
       origin, nonce
from episodes where bot_id = ? and episode = ?;

-- name: past_runs
select episode, first_turn, last_turn, cast(result as blob), score, cast(mode as blob), ranked, ended_at
from episodes where bot_id = ? and episode < ? order by episode desc limit ?;

-- name: base
select base from run_bases where bot_id = ? and episode = ?;

-- name: put_secret
insert into shared_secrets (name, value) values (?, ?) on conflict do nothing;

-- name: secret
select value from shared_secrets where name = ?;

-- name: schema_number
pragma user_version;

-- name: schema_table_exists
select count(*) from sqlite_master where type = 'table' and name = 'schema_version';

-- name: schema_applied_steps
select version, compatible_from from schema_version;

-- name: schema_step
insert or replace into schema_version (version, compatible_from, applied_at) values (?, ?, ?);

-- name: scan_bots
-- A slice of all bots in the order of the file. The length of a value needs no read of the value.
select rowid, cast(bot_id as blob), cast(episode as integer), cast(turn as integer), cast(tokens_today as integer),
       cast(updated_at as real), length(state) > 0
from games where rowid > ? order by rowid limit ?;

-- name: last_episodes
select episode, cast(result as blob), last_turn, score, ended_at from episodes
where bot_id = ? order by episode desc limit ?;

-- name: count_episodes
select count(*) from episodes where bot_id = ?;

-- name: runs_after
select cast(bot_id as blob), episode from episodes
where (bot_id, episode) > (?1, ?2) and bot_id >= ?3 and bot_id < ?4
order by bot_id, episode limit ?5;

-- name: present_runs_after
select cast(bot_id as blob), cast(episode as integer) from games
where bot_id >= ?1 and (bot_id > ?1 or episode > ?2) and bot_id >= ?3 and bot_id < ?4 and length(state) > 0
order by bot_id limit ?5;

-- name: fact
select value from store_facts where name = ?;

-- name: put_fact
insert into store_facts (name, value, updated_at) values (?, ?, ?)
on conflict do update set value = excluded.value, updated_at = excluded.updated_at;

-- name: verify_games
-- Flipped bits may have turned a value into one of any type, or a text into invalid UTF-8, so keys are blobs.
select cast(bot_id as blob), case typeof(version) when 'integer' then version end, cast(digest as blob),
       case typeof(episode) when 'integer' then episode end, case typeof(turn) when 'integer' then turn end,
       cast(rules as blob), cast(state as blob), cast(trail as blob), cast(directive as blob),
       case typeof(tokens_today) when 'integer' then tokens_today end,
       case typeof(updated_at) when 'real' then updated_at else 0.0 end
from games where bot_id > cast(?1 as text) order by bot_id limit ?2;

-- name: verify_game
select cast(bot_id as blob), case typeof(version) when 'integer' then version end, cast(digest as blob),
       case typeof(episode) when 'integer' then episode end, case typeof(turn) when 'integer' then turn end,
       cast(rules as blob), cast(state as blob), cast(trail as blob), cast(directive as blob),
       case typeof(tokens_today) when 'integer' then tokens_today end,
       case typeof(updated_at) when 'real' then updated_at else 0.0 end
from games where bot_id = cast(?1 as text);

-- name: verify_keys
select cast(bot_id as blob) from games where bot_id > cast(?1 as text) order by bot_id limit ?2;

-- name: verify_saves
select cast(bot_id as blob), cast(slot as blob), cast(character_data as blob) from character_saves
where (bot_id, slot) > (cast(?1 as text), cast(?2 as text)) and bot_id <= cast(?3 as text)
order by bot_id, slot limit ?4;

-- name: verify_runs
select cast(bot_id as blob), cast(episode as integer), cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked
from episodes where (bot_id, episode) > (cast(?1 as text), ?2) and bot_id <= cast(?3 as text)
order by bot_id, episode limit ?4;

-- name: verify_inputs
select cast(bot_id as blob), cast(episode as integer), cast(first_turn as integer), cast(inputs as blob) from run_inputs
where (bot_id, episode, first_turn) > (cast(?1 as text), ?2, ?3) and bot_id <= cast(?4 as text)
order by bot_id, episode, first_turn limit ?5;

-- name: verify_bases
select cast(b.bot_id as blob), cast(b.episode as integer), cast(b.base as blob),
       cast(coalesce(e.rules, g.rules, '') as blob)
from run_bases as b
left join episodes as e on e.bot_id = b.bot_id and e.episode = b.episode
left join games as g on g.bot_id = b.bot_id and g.episode = b.episode
where (b.bot_id, b.episode) > (cast(?1 as text), ?2) and b.bot_id <= cast(?3 as text)
order by b.bot_id, b.episode limit ?4;
