create table events (id integer primary key, at integer not null, text text not null);
create index events_at on events (at);
