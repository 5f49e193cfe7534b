-- compatible_from: 0.1.0
--
-- One row per bot is the truth; the other tables belong to it. docs/architecture.md explains the names.
--
-- Keys compare bytewise (collate "C"). Commits lock rows in the order of their ids, and that order must be the
-- same for every replica, whatever the locale of the database is.
create table games (
    bot_id       varchar(255) collate "C" primary key,
    version      bigint      not null,
    digest       bytea       not null,
    episode      integer     not null,
    turn         integer     not null,
    rules        text        not null,
    state        bytea       not null,
    trail        bytea       not null,
    directive    text        not null default '',
    tokens_today bigint      not null default 0,
    updated_at   timestamptz not null
) with (fillfactor = 50, toast_tuple_target = 8160);

-- An update should touch one page and no index: the fillfactor leaves room for the next version of a row on
-- the same page, and `storage main` keeps the state in the row.
alter table games alter column state set storage main;

create table run_inputs (
    bot_id     varchar(255) collate "C" not null,
    episode    integer not null,
    first_turn integer not null,
    inputs     text    not null,
    primary key (bot_id, episode, first_turn)
);

create table episodes (
    bot_id         varchar(255) collate "C" not null,
    episode        integer     not null,
    rules          text        not null,
    seed           bigint      not null,
    mode           text        not null,
    options        text        not null,
    parent_episode integer     not null,
    first_turn     integer     not null,
    last_turn      integer     not null,
    result         text        not null,
    score          integer     not null,
    digest         bytea       not null,
    ranked         boolean     not null,
    base           bytea       not null,
    ended_at       timestamptz not null,
    primary key (bot_id, episode)
);

create table character_saves (
    bot_id         varchar(255) collate "C" not null,
    slot           varchar(32) collate "C" not null,
    id             uuid        not null default gen_random_uuid(),
    character_data jsonb       not null,
    version        bigint      not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    primary key (bot_id, slot)
);

create index character_saves_updated_at on character_saves (updated_at);
