-- For lists of the best runs. Safe while the release before it runs; ends of runs wait while it is made.
create index episodes_best on episodes (score desc, bot_id, episode);
