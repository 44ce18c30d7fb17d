"""Words the shop is made of: several scripts, quotes, emoji, right-to-left text, combining marks."""

GIVEN = (
    "Ada",
    "Björn",
    "Chidi",
    "Dewi",
    "Élodie",
    "Fatima",
    "Grzegorz",
    "Hana",
    "İpek",
    "José",
    "Krešimir",
    "Lâle",
    "Mei",
    "Nguyễn",
    "Olga",
    "Putri",
    "Quinn",
    "Ραφαήλ",
    "Siti",
    "Tomás",
    "Ümit",
    "Véra",
    "Wayan",
    "Ximena",
    "Юлия",
    "Zoë",
    "美咲",
    "지우",
    "שירה",
    "عمر",
)
FAMILY = (
    "O'Brien", "Müller", "Santoso", "Łukasiewicz", "d'Arcy", "Nakamura", "Okafor", "Sørensen", "García-López",
    "Иванова", "Wijaya", "van der Berg", "Šimić", "Þórsdóttir", "田中", "김", "Smith", "Rao", "Nguyễn", "Yılmaz",
)  # fmt: skip
STREETS = (
    "Jalan Sudirman", "Hauptstraße", "Rue de l'Église", "Main Street", "Calle Mayor", "Strada Ștefan", "Gran Vía",
    "Nørregade", "улица Мира", "桜通り", 'The "Old" Road', "Back\\slash Lane", "100% Cotton Row",
)  # fmt: skip
CITIES = (
    ("Jakarta", "ID"), ("Bandung", "ID"), ("Berlin", "DE"), ("Köln", "DE"), ("Lyon", "FR"), ("Łódź", "PL"),
    ("Reykjavík", "IS"), ("大阪", "JP"), ("São Paulo", "BR"), ("Αθήνα", "GR"), ("Austin", "US"), ("L'Aquila", "IT"),
)  # fmt: skip
CATEGORIES = (
    "Lamp",
    "Chair",
    "Teapot",
    "Notebook",
    "Scarf",
    "Batik",
    "Kettle",
    "Mug",
    "Blanket",
    "Clock",
    "Bag",
    "Ink",
)
COLOURS = ("red", "teal", "indigo", "ochre", "white", "black", "olive", "crème", "natural", "gold")
TAGS = (
    "new",
    "sale",
    "gift",
    "eco",
    "hand made",
    "käsin",
    "50% off",
    'so-called "best"',
    "with,comma",
    "{braces}",
    "🌱",
    "",
)
TITLES = (
    "Love it",
    "Not bad",
    "¡Perfecto!",
    "Bagus sekali",
    "無難",
    "Don't buy",
    "5★",
    "NULL",
    "  spaces  ",
    "tab\there",
)
UNICODE = (
    "Great 👍🏽 would buy again 👨‍👩‍👧‍👦",
    "e\u0301 is not \u00e9, and both must come back",
    "مرحبا بالعالم",
    "\u202eright to left\u202c",
    "newline\nand\ttab and \\ and 'quotes' \"both\"",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 beyond the basic plane: 𠜎",
    "zero\u200bwidth",
    "semicolon; -- not a comment /* nor this */ $$ or $1 or ? or :name or %s",
)
TEXT = (
    "the", "a", "fine", "solid", "handy", "light", "careful", "work", "from", "small", "makers", "with", "long", "life",
    "kept", "warm", "by", "hand", "made", "and", "tested", "façade", "naïve", "coöperative", "it's", "well", "sewn",
)  # fmt: skip
