-- The checks of ranked runs, and the lists of those that were found to be as stored.
-- A plus keeps SQLite from the index of that column, where another one serves the order, too.

-- name: claim_runs
update episodes set tries = tries + 1, leased_until = ?
where (bot_id, episode) in (
    select bot_id, episode from episodes
    where ranked and checked = 0 and leased_until <= ? and (tries > 0) = ? and tries < ?
      and rules in (select value from json_each(?))
    order by leased_until limit ?
)
returning cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob);

-- name: set_runs_aside
update episodes set checked = 3
where ranked and checked = 0 and leased_until <= ?
  and (tries >= ? or (ended_at < ? and rules not in (select value from json_each(?))))
returning cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob);

-- name: put_check
update episodes set checked = ?, attestation = ?, inputs_digest = ?, leased_until = 0
where bot_id = ? and episode = ? and rules = ? and seed = ? and mode = ? and options = ? and parent_episode = ?
  and first_turn = ? and last_turn = ? and result = ? and score = ? and digest = ? and ranked = ? and origin = ?
  and nonce = ? and tries = ? and checked = 0;

-- name: release_run
update episodes set tries = tries - 1, leased_until = 0
where bot_id = ? and episode = ? and checked = 0 and tries = ? and tries > 0;

-- name: doubt_run
update episodes set checked = 0, attestation = x'', inputs_digest = x'', tries = 0, leased_until = 0
where bot_id = ? and episode = ? and ranked and checked = 1 and attestation = ?;

-- name: best_ranked
select cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob)
from episodes
where ranked and checked = 1 and mode = ? and rules = ?
order by score desc, last_turn, bot_id, episode limit ?;

-- name: best_ranked_of_fleet
select cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob)
from episodes
where ranked and checked = 1 and mode = ? and rules = ?
  and substr(bot_id, 1, instr(bot_id, '/') - 1) = ?
order by score desc, last_turn, bot_id, episode limit ?;

-- name: best_ranked_by_seed
select cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob)
from episodes
where ranked and checked = 1 and +mode = ? and +rules = ? and seed = ?
order by score desc, last_turn, bot_id, episode limit ?;

-- name: best_ranked_by_seed_of_fleet
select cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob)
from episodes
where ranked and checked = 1 and +mode = ? and +rules = ? and seed = ?
  and +substr(bot_id, 1, instr(bot_id, '/') - 1) = ?
order by score desc, last_turn, bot_id, episode limit ?;

-- name: last_ranked
select cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob)
from episodes
where ranked and checked = 1 and mode = ? and rules = ?
  and substr(bot_id, 1, instr(bot_id, '/') - 1) = ?
order by ended_at desc, bot_id, episode limit ?;

-- name: ranked_run
select cast(bot_id as blob), episode, cast(rules as blob), seed, cast(mode as blob), cast(options as blob),
       parent_episode, first_turn, last_turn, cast(result as blob), score, cast(digest as blob), ranked,
       cast(origin as blob), cast(nonce as blob), ended_at, checked, tries, cast(attestation as blob),
       cast(inputs_digest as blob)
from episodes where bot_id = ? and episode = ? and ranked;

-- name: count_pending
select count(*) from (
    select 1 from episodes
    where ranked and checked = 0 and (?1 = '' or mode = ?1) and (?2 = '' or rules = ?2)
      and (?3 = '' or substr(bot_id, 1, instr(bot_id, '/') - 1) = ?3) and (?4 < 0 or seed = ?4)
    limit ?5
);

-- name: first_daily_run
select min(episode) from episodes where bot_id = ? and mode = 'daily' and seed = ?;

-- name: name_fleet
insert into fleets (fleet, public_name)
select ?1, ?2 where not exists (select 1 from fleets where lower(public_name) = lower(?2) and fleet <> ?1)
on conflict (fleet) do update set public_name = excluded.public_name;

-- name: unname_fleet
delete from fleets where fleet = ?;

-- name: fleet_names
select fleet, public_name from fleets where fleet in (select value from json_each(?));
