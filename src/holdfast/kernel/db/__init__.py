"""The metadata database: SQLite through APSW, or PostgreSQL; SQLAlchemy Core, no ORM."""

from holdfast.kernel.db.database import FEW, Database
from holdfast.kernel.db.remembered import Remembered
from holdfast.kernel.db.tables import metadata
from holdfast.kernel.db.types import Json, Timestamp, embedded, json_elements, json_field

__all__ = ["FEW", "Database", "Json", "Remembered", "Timestamp", "embedded", "json_elements", "json_field", "metadata"]
