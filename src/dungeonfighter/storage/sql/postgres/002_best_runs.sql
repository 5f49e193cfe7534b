-- compatible_from: 0.1.0
-- concurrently
--
-- This index makes lists of the best runs faster.
create index concurrently if not exists episodes_best on episodes
    (ranked desc, mode desc, score desc, bot_id, episode);
