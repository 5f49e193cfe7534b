-- compatible_from: 0.1.0
--
-- What a run began from, and the checks of ranked runs.
--
-- `run_bases` has the first state of each run that did not begin new. `checked` is 0 until a ranked run was
-- executed again, then 1 (it is as stored), 2 (it is not) or 3 (set aside: it could not be executed, or does not
-- count); `attestation` binds the row to the result 1. `tries` and `leased_until` belong to the check that is
-- under way.
create table run_bases (
    bot_id  text    not null,
    episode integer not null,
    base    blob    not null,
    primary key (bot_id, episode)
) without rowid;

alter table episodes drop column base;
alter table episodes add column origin text not null default '';
alter table episodes add column nonce blob not null default x'';
alter table episodes add column checked integer not null default 0;
alter table episodes add column attestation blob not null default x'';
alter table episodes add column inputs_digest blob not null default x'';
alter table episodes add column tries integer not null default 0;
alter table episodes add column leased_until real not null default 0;

create index episodes_unchecked on episodes (leased_until) where ranked and checked = 0;
create index episodes_ranked on episodes (mode, rules, score desc, last_turn, bot_id, episode)
    where ranked and checked = 1;
create index episodes_ranked_of_fleet
    on episodes (substr(bot_id, 1, instr(bot_id, '/') - 1), mode, rules, score desc, last_turn, bot_id, episode)
    where ranked and checked = 1;
create index episodes_ranked_by_time
    on episodes (substr(bot_id, 1, instr(bot_id, '/') - 1), mode, rules, ended_at desc, bot_id, episode)
    where ranked and checked = 1;
create index episodes_ranked_by_seed on episodes (seed, score desc, last_turn, bot_id, episode)
    where ranked and checked = 1;

-- Secrets that all servers of the database share and that no player may learn; access keys are not among them.
create table shared_secrets (
    name  text primary key,
    value blob not null
) without rowid;

-- The names of fleets for the eyes of other fleets; a fleet without a row has none.
create table fleets (
    fleet       text        primary key,
    public_name text        not null
) without rowid;

create unique index fleets_public_name on fleets (lower(public_name));
