-- ----------------------------------------------------------------------
-- Schema pgq_coop: several processes share one consumer. Has no tables; the members of a group are subscriptions of
-- schema pgq, which it needs.
--
-- May be run again over an earlier version of itself; changes nothing then.
-- ----------------------------------------------------------------------

create schema if not exists pgq_coop;
