-- A list bounded by time: blocks of the table by the times in them. Checks come in the order of time, nearly, so this
-- serves as well as a tree and costs an insert nothing.
create index checks_observed on checks using brin (observed) with (pages_per_range = 32, autosummarize = on);
