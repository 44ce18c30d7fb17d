"""What SQLite, and so our dialect, can do: SQLAlchemy's suite asks here before each test.

Every exclusion, with its reason:

- schemas: an attached second file; the metadata database is one file and we never attach.
- parens_in_union_contained_select_*: SQLite's grammar has no parentheses around a member of a UNION.
- reflect_table_options: SQLAlchemy's SQLite dialect implements none, and says so by NotImplementedError.
"""

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements


class Requirements(SuiteRequirements):
    """The defaults of the suite, but for the list above."""

    @property
    def schemas(self):
        return exclusions.closed()

    @property
    def parens_in_union_contained_select_w_limit_offset(self):
        return exclusions.closed()

    @property
    def parens_in_union_contained_select_wo_limit_offset(self):
        return exclusions.closed()

    @property
    def reflect_table_options(self):
        return exclusions.closed()


_OFFERED = """
temp_table_reflection
foreign_key_constraint_option_reflection_ondelete
foreign_key_constraint_option_reflection_onupdate
fk_constraint_option_reflection_ondelete_restrict
fk_constraint_option_reflection_ondelete_noaction
fk_constraint_option_reflection_onupdate_restrict
unique_constraint_reflection
check_constraint_reflection
ctes
ctes_on_dml
json_type
tuple_in
date_historic
datetime_historic
autocommit
savepoints
indexes_with_expressions
reflect_indexes_with_expressions
insert_executemany_returning
precision_generic_float_type
empty_inserts
window_functions
except_
intersect
temporary_views
computed_columns
computed_columns_stored
computed_columns_virtual
computed_columns_reflect_persisted
binary_literals
get_isolation_level_values
"""

for _name in _OFFERED.split():
    setattr(Requirements, _name, property(lambda self: exclusions.open()))
