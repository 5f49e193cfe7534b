-- compatible_from: 0.1.0
--
-- For lists of the best runs. The file is locked for writing while it is made.
create index episodes_best on episodes (score desc, bot_id, episode);
