-- compatible_from: 0.1.0
--
-- Access tokens: a digest of each secret, never the secret. Every change gets the next version.
create table tokens (
    digest         blob    primary key,
    prefix         text    not null,
    fleet          text    not null,
    bots           text    not null,
    scopes         text    not null,
    turns_required integer not null,
    limits         text    not null,
    created_at     real    not null,
    expires_at     real    not null,
    revoked_at     real    not null,
    version        integer not null
);

create unique index tokens_version on tokens (version);
