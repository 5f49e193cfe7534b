-- compatible_from: 0.1.0
--
-- This index makes lists of the best runs faster. SQLite locks the file for writing while it builds the index.
create index episodes_best on episodes
    (ranked desc, mode desc, score desc, bot_id, episode);
