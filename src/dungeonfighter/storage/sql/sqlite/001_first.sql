-- compatible_from: 0.1.0
--
-- One row per bot is the truth; the other tables belong to it. docs/architecture.md explains the names.
create table games (
    bot_id       text primary key,
    version      integer not null,
    digest       blob    not null,
    episode      integer not null,
    turn         integer not null,
    rules        text    not null,
    state        blob    not null,
    trail        blob    not null,
    directive    text    not null default '',
    tokens_today integer not null default 0,
    updated_at   real    not null
);

create table run_inputs (
    bot_id     text    not null,
    episode    integer not null,
    first_turn integer not null,
    inputs     text    not null,
    primary key (bot_id, episode, first_turn)
) without rowid;

create table episodes (
    bot_id         text    not null,
    episode        integer not null,
    rules          text    not null,
    seed           integer not null,
    mode           text    not null,
    options        text    not null,
    parent_episode integer not null,
    first_turn     integer not null,
    last_turn      integer not null,
    result         text    not null,
    score          integer not null,
    digest         blob    not null,
    ranked         integer not null,
    base           blob    not null,
    ended_at       real    not null,
    primary key (bot_id, episode)
) without rowid;

create table character_saves (
    bot_id         text    not null,
    slot           text    not null,
    id             text    not null,
    character_data text    not null,
    version        integer not null,
    created_at     real    not null,
    updated_at     real    not null,
    primary key (bot_id, slot)
);

create index character_saves_updated_at on character_saves (updated_at);
