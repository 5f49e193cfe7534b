-- name: load
select bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today,
       extract(epoch from updated_at)::float8
from games where bot_id = any($1::text[]) order by bot_id;

-- name: load_without_texts
select bot_id, version, digest, episode, turn, trail, tokens_today, extract(epoch from updated_at)::float8
from games where bot_id = $1;

-- name: empty_games
update games as g
set version = w.version, digest = w.digest, turn = 0, rules = '', state = ''::bytea, trail = w.trail,
    directive = '', tokens_today = w.tokens_today, episode = w.episode, updated_at = now()
from unnest($1::text[], $2::bigint[], $3::bytea[], $4::int[], $5::bytea[], $6::bigint[], $7::bigint[],
            $8::bytea[], $9::bytea[])
    as w (bot_id, version, digest, episode, trail, tokens_today, from_version, from_digest, from_tail)
where g.bot_id = w.bot_id and g.version = w.from_version and g.digest = w.from_digest
  and substring(g.trail from greatest(length(g.trail) - 11, 1)) = w.from_tail
returning g.bot_id, g.episode;

-- name: delete_saves
delete from character_saves where bot_id = any($1::text[]);

-- name: delete_begun_inputs
-- The inputs of a run that has no end: its bot is deleted.
delete from run_inputs as i using unnest($1::text[], $2::int[]) as r (bot_id, episode)
where i.bot_id = r.bot_id and i.episode = r.episode
  and not exists (select from episodes as e where e.bot_id = r.bot_id and e.episode = r.episode);

-- name: delete_inputs_up_to
delete from run_inputs where (bot_id, episode, first_turn) in (
    select bot_id, episode, first_turn from run_inputs where bot_id = $1 and episode <= $2
    order by bot_id, episode, first_turn limit $3);

-- name: delete_episodes_up_to
delete from episodes where (bot_id, episode) in (
    select bot_id, episode from episodes where bot_id = $1 and episode <= $2 order by bot_id, episode limit $3);

-- name: candidates
select bot_id, length(state) > 0 and updated_at < to_timestamp($2::float8),
       exists (select from episodes as e
               where e.bot_id = g.bot_id and not e.ranked and e.ended_at < to_timestamp($2::float8))
       or exists (select from character_saves as s
                  where s.bot_id = g.bot_id and s.updated_at < to_timestamp($2::float8))
from games as g where bot_id > $1 order by bot_id limit $3;

-- name: forked_games
-- The trail of a fork has the word `fork` as its first text (MessagePack).
select bot_id, case when substring(trail from 2 for 5) = '\xa4666f726b' then trail end
from games where bot_id > $1 order by bot_id limit $2;

-- name: forked_episodes
select bot_id, episode, case when options like 'fork %' then options end
from episodes where (bot_id, episode) > ($1::text, $2::int) order by bot_id, episode limit $3;

-- name: lock_games
-- Players never wait for rows that others hold, nor long for these: the transaction is short.
select bot_id, trail from games where bot_id = any($1::text[]) order by bot_id for no key update skip locked;

-- name: trails
select bot_id, trail from games where bot_id = any($1::text[]);

-- name: continued_runs
-- Options that are no object are those of a run that goes on from another one: its parent.
select bot_id, episode, options, parent_episode, ranked or ended_at >= to_timestamp($2::float8)
from episodes where bot_id = any($1::text[]) and options not like '{%';

-- name: saved_runs
select bot_id, case when jsonb_typeof(character_data -> 'episode') = 'number'
                    then (character_data ->> 'episode')::numeric::bigint end
from character_saves where bot_id = any($1::text[]) and updated_at >= to_timestamp($2::float8);

-- name: old_runs
select bot_id, episode from episodes
where bot_id = any($1::text[]) and not ranked and ended_at < to_timestamp($2::float8)
order by bot_id, episode limit $3;

-- name: count_inputs
select count(*) from run_inputs as i, unnest($1::text[], $2::int[]) as r (bot_id, episode)
where i.bot_id = r.bot_id and i.episode = r.episode;

-- name: delete_inputs
delete from run_inputs as i using unnest($1::text[], $2::int[]) as r (bot_id, episode)
where i.bot_id = r.bot_id and i.episode = r.episode;

-- name: delete_episodes
delete from episodes as e using unnest($1::text[], $2::int[]) as r (bot_id, episode)
where e.bot_id = r.bot_id and e.episode = r.episode;

-- name: count_old_saves
select count(*) from character_saves
where bot_id = any($1::text[]) and (updated_at < to_timestamp($2::float8) or bot_id = any($3::text[]));

-- name: delete_old_saves
delete from character_saves where bot_id = any($1::text[]) and updated_at < to_timestamp($2::float8);

-- name: lock_chore
select pg_try_advisory_lock($1);
