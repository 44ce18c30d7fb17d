create table articles (
  id integer primary key,
  name text not null unique,
  price integer not null check (price >= 0),
  sold integer not null default 0
);
