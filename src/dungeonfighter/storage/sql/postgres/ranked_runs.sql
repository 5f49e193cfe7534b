-- The checks of ranked runs, and the lists of those that were found to be as stored.

-- name: claim_runs
with claimed as (
    select bot_id as claimed_bot, episode as claimed_episode from episodes
    where ranked and checked = 0 and leased_until <= now() and (tries > 0) = $2 and tries < $3
      and rules = any($4::text[])
    order by leased_until limit $5
    for update skip locked
)
update episodes set tries = tries + 1, leased_until = now() + $1 * interval '1 second'
from claimed
where bot_id = claimed_bot and episode = claimed_episode
returning bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest;

-- name: set_runs_aside
with found as (
    select bot_id as found_bot, episode as found_episode from episodes
    where ranked and checked = 0 and leased_until <= now()
      and (tries >= $1 or (ended_at < now() - $2 * interval '1 second' and rules <> all($3::text[])))
    for update skip locked
)
update episodes set checked = 3
from found
where bot_id = found_bot and episode = found_episode
returning bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest;

-- name: put_check
update episodes set checked = $1, attestation = $2, inputs_digest = $3, leased_until = 'epoch'
where bot_id = $4 and episode = $5 and rules = $6 and seed = $7 and mode = $8 and options = $9
  and parent_episode = $10 and first_turn = $11 and last_turn = $12 and result = $13 and score = $14
  and digest = $15 and ranked = $16 and origin = $17 and nonce = $18 and tries = $19 and checked = 0
returning episode;

-- name: release_run
update episodes set tries = tries - 1, leased_until = 'epoch'
where bot_id = $1 and episode = $2 and checked = 0 and tries = $3 and tries > 0;

-- name: doubt_run
update episodes
set checked = 0, attestation = '', inputs_digest = '', tries = 0, leased_until = 'epoch'
where bot_id = $1 and episode = $2 and ranked and checked = 1 and attestation = $3
returning episode;

-- name: best_ranked
select bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest
from episodes
where ranked and checked = 1 and mode = $1 and rules = $2
order by score desc, last_turn, bot_id, episode limit $3;

-- name: best_ranked_of_fleet
select bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest
from episodes
where ranked and checked = 1 and mode = $1 and rules = $2
  and split_part(bot_id, '/', 1) = $3
order by score desc, last_turn, bot_id, episode limit $4;

-- name: best_ranked_by_seed
select bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest
from episodes
where ranked and checked = 1 and mode = $1 and rules = $2 and seed = $3
order by score desc, last_turn, bot_id, episode limit $4;

-- name: best_ranked_by_seed_of_fleet
select bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest
from episodes
where ranked and checked = 1 and mode = $1 and rules = $2 and seed = $3
  and split_part(bot_id, '/', 1) = $4
order by score desc, last_turn, bot_id, episode limit $5;

-- name: last_ranked
select bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest
from episodes
where ranked and checked = 1 and mode = $1 and rules = $2
  and split_part(bot_id, '/', 1) = $3
order by ended_at desc, bot_id, episode limit $4;

-- name: ranked_run
select bot_id, episode, rules, seed, mode, options, parent_episode, first_turn, last_turn, result, score,
       digest, ranked, origin, nonce, extract(epoch from ended_at)::float8, checked, tries, attestation,
       inputs_digest
from episodes where bot_id = $1 and episode = $2 and ranked;

-- name: count_pending
select count(*) from (
    select from episodes
    where ranked and checked = 0 and ($1::text = '' or mode = $1) and ($2::text = '' or rules = $2)
      and ($3::text = '' or split_part(bot_id, '/', 1) = $3) and ($4::bigint < 0 or seed = $4)
    limit $5
) as found;

-- name: first_daily_run
select min(episode) from episodes where bot_id = $1 and mode = 'daily' and seed = $2;

-- name: name_fleet
insert into fleets (fleet, public_name)
select $1::text, $2::text
where not exists (select from fleets where lower(public_name) = lower($2) and fleet <> $1)
on conflict (fleet) do update set public_name = excluded.public_name
returning fleet;

-- name: unname_fleet
delete from fleets where fleet = $1;

-- name: fleet_names
select fleet, public_name from fleets where fleet = any($1::text[]);
