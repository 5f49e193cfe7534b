-- name: load
select bot_id, version, cast(digest as blob), episode, turn, rules, cast(state as blob), cast(trail as blob), directive,
       tokens_today, updated_at
from games where bot_id in (select value from json_each(?)) order by bot_id;

-- name: empty_game
update games
set version = ?, digest = ?, episode = ?, turn = ?, rules = ?, state = ?, trail = ?, directive = ?,
    tokens_today = ?, updated_at = ?
where bot_id = ? and version = ? and cast(digest as blob) = ?
    and coalesce(substr(cast(trail as blob), -12), x'') = ?;

-- name: delete_saves
delete from character_saves where bot_id = ?;

-- name: delete_begun_inputs
-- The inputs of a run that has no end: its bot is deleted.
delete from run_inputs where bot_id = ?1 and episode = ?2
    and not exists (select 1 from episodes where bot_id = ?1 and episode = ?2);

-- name: delete_inputs_up_to
delete from run_inputs where (bot_id, episode, first_turn) in (
    select bot_id, episode, first_turn from run_inputs where bot_id = ? and episode <= ? limit ?);

-- name: delete_episodes_up_to
delete from episodes where (bot_id, episode) in (
    select bot_id, episode from episodes where bot_id = ? and episode <= ? limit ?);

-- name: candidates
select bot_id, length(state) > 0 and updated_at < ?2,
       exists (select 1 from episodes as e where e.bot_id = g.bot_id and not e.ranked and e.ended_at < ?2)
       or exists (select 1 from character_saves as s where s.bot_id = g.bot_id and s.updated_at < ?2)
from games as g where bot_id > ?1 order by bot_id limit ?3;

-- name: forked_games
-- The trail of a fork has the word `fork` as its first text (MessagePack).
select bot_id, case when substr(cast(trail as blob), 2, 5) = x'a4666f726b' then cast(trail as blob) end
from games where bot_id > ? order by bot_id limit ?;

-- name: forked_episodes
select bot_id, episode, case when options like 'fork %' then options end
from episodes where (bot_id, episode) > (?, ?) order by bot_id, episode limit ?;

-- name: lock_games
select bot_id, cast(trail as blob) from games where bot_id in (select value from json_each(?));

-- name: continued_runs
-- Options that are no object are those of a run that goes on from another one: its parent.
select bot_id, episode, options, parent_episode, ranked or ended_at >= ?2
from episodes where bot_id in (select value from json_each(?1)) and options not like '{%';

-- name: saved_runs
select bot_id, case when json_valid(character_data) then json_extract(character_data, '$.episode') end
from character_saves where bot_id in (select value from json_each(?1)) and updated_at >= ?2;

-- name: old_runs
select bot_id, episode from episodes
where bot_id in (select value from json_each(?1)) and not ranked and ended_at < ?2
order by bot_id, episode limit ?3;

-- name: count_inputs
select count(*) from run_inputs where bot_id = ? and episode = ?;

-- name: delete_inputs
delete from run_inputs where bot_id = ? and episode = ?;

-- name: delete_episode
delete from episodes where bot_id = ? and episode = ?;

-- name: count_old_saves
select count(*) from character_saves
where bot_id in (select value from json_each(?1))
    and (updated_at < ?2 or bot_id in (select value from json_each(?3)));

-- name: delete_old_saves
delete from character_saves where bot_id in (select value from json_each(?1)) and updated_at < ?2;
