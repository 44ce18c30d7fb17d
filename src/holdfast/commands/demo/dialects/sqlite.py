"""The shop in SQLite's words."""

from __future__ import annotations

from holdfast.commands.demo.shop import Table

DDL = (
    """create table customers (
        id integer primary key, email text not null unique, name text not null, phone text, born text,
        vip integer not null default 0 check (vip in (0, 1)), score real, created_at text not null)""",
    """create table addresses (
        id integer primary key, customer_id integer not null references customers (id) on delete cascade,
        street text not null, city text not null, postcode text, country text not null check (length(country) = 2),
        is_default integer not null)""",
    """create table categories (
        id integer primary key, parent_id integer references categories (id), name text not null unique)""",
    """create table products (
        id integer primary key, category_id integer not null references categories (id), sku text not null unique,
        name text not null, description text, price numeric not null check (price >= 0), weight_kg real,
        attributes text not null check (json_valid(attributes)), tags text not null check (json_valid(tags)),
        thumbnail blob, active integer not null, created_at text not null)""",
    """create table orders (
        id integer primary key, customer_id integer not null references customers (id),
        address_id integer references addresses (id), status text not null, note text, placed_at text not null)""",
    """create table order_items (
        order_id integer not null references orders (id) on delete cascade, line integer not null,
        product_id integer not null references products (id), quantity integer not null check (quantity > 0),
        unit_price numeric not null, primary key (order_id, line)) without rowid""",
    """create table reviews (
        id integer primary key, product_id integer not null references products (id),
        customer_id integer references customers (id), rating integer not null check (rating between 1 and 5),
        title text, body text, written_at text not null)""",
    """create table payments (
        id integer primary key, order_id integer not null references orders (id), amount numeric not null,
        method text not null, reference text, paid_at text not null)""",
    """create table audit_log (
        id integer primary key, at text not null, actor text not null, action text not null, subject text not null,
        before text, after text)""",
)

AFTER_LOAD = (
    "create index orders_by_customer on orders (customer_id, placed_at desc)",
    "create index products_active on products (category_id) where active = 1",
    "create unique index customers_email_lower on customers (lower(email))",
    """create view order_totals as
        select o.id, o.customer_id, o.status, sum(i.quantity * i.unit_price) as total, count(*) as lines
        from orders o join order_items i on i.order_id = o.id group by o.id, o.customer_id, o.status""",
    """create view best_products as
        select p.id, p.name, avg(r.rating) as rating, count(*) as reviews
        from products p join reviews r on r.product_id = p.id group by p.id, p.name""",
    """create trigger products_price after update of price on products when old.price <> new.price begin
        insert into audit_log (at, actor, action, subject, before, after) values (
            '2026-01-01T00:00:00.000000+00:00', 'trigger', 'price', 'products/' || new.id,
            json_object('price', old.price), json_object('price', new.price));
        end""",
)


def text(position: int) -> str:
    return f"?{position}"


def insert(table: Table) -> str:
    """JSON's true and false become 1 and 0; everything else is stored as it is, by the column's affinity."""
    values = ", ".join(
        f"unhex(value ->> {at})" if kind == "blob" else f"value ->> {at}" for at, (_, kind) in enumerate(table.columns)
    )
    names = ", ".join(name for name, _ in table.columns)
    return f"insert into {table.name} ({names}) select {values} from json_each(?1)"


def content(table: Table) -> str:
    values = " || '|' || ".join(f"quote({name})" for name, _ in table.columns)
    return f"select {values} as line from {table.name} order by {', '.join(table.key)}"
