-- compatible_from: 0.1.0
--
-- What a run began from, and the checks of ranked runs.
--
-- `run_bases` has the first state of each run that did not begin new. `checked` is 0 until a ranked run was
-- executed again, then 1 (it is as stored), 2 (it is not) or 3 (set aside: it could not be executed, or does not
-- count); `attestation` binds the row to the result 1. `tries` and `leased_until` belong to the check that is
-- under way.
create table run_bases (
    bot_id  varchar(255) collate "C" not null,
    episode integer not null,
    base    bytea   not null,
    primary key (bot_id, episode)
);

alter table episodes
    drop column base,
    add column origin text not null default '',
    add column nonce bytea not null default '',
    add column checked smallint not null default 0,
    add column attestation bytea not null default '',
    add column inputs_digest bytea not null default '',
    add column tries integer not null default 0,
    add column leased_until timestamptz not null default 'epoch';

create index episodes_unchecked on episodes (leased_until) where ranked and checked = 0;
create index episodes_ranked on episodes (mode, rules, score desc, last_turn, bot_id, episode)
    where ranked and checked = 1;
create index episodes_ranked_of_fleet
    on episodes ((split_part(bot_id, '/', 1)), mode, rules, score desc, last_turn, bot_id, episode)
    where ranked and checked = 1;
create index episodes_ranked_by_time
    on episodes ((split_part(bot_id, '/', 1)), mode, rules, ended_at desc, bot_id, episode)
    where ranked and checked = 1;
create index episodes_ranked_by_seed on episodes (seed, score desc, last_turn, bot_id, episode)
    where ranked and checked = 1;

-- Secrets that all servers of the database share and that no player may learn; access keys are not among them.
create table shared_secrets (
    name  text primary key,
    value bytea not null
);

-- The names of fleets for the eyes of other fleets; a fleet without a row has none.
create table fleets (
    fleet       varchar(32) primary key,
    public_name text        not null
);

create unique index fleets_public_name on fleets (lower(public_name));
