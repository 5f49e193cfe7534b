-- compatible_from: 0.1.0
-- concurrently
--
-- For lists of the best runs, which are slower without it.
create index concurrently if not exists episodes_best on episodes (score desc, bot_id, episode);
