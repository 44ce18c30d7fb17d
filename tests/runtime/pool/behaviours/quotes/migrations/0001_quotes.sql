CREATE TABLE quotes (id INTEGER PRIMARY KEY AUTOINCREMENT, quote TEXT, author TEXT);
INSERT INTO quotes (quote, author) VALUES ('Simplicity is prerequisite for reliability.', 'Edsger Dijkstra');
