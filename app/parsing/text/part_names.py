# ruff: noqa: RUF001 - the words of many languages
"""What the parts of books are called and how they are numbered, in the languages whose headings are found."""

_ENGLISH_ONES = "one|two|three|four|five|six|seven|eight|nine"
_ENGLISH_FIRST = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
_ENGLISH_TENS = "twenty|thirty|forty|fifty"

PARTS = "|".join(
    [
        "chapter|book|part|volume|letter|act|scene|canto|stave|fit|fytte",
        "kapitel|buch|teil|band|brief|akt|aufzug|szene|auftritt|gesang",
        "chapitre|livre|partie|tome|lettre|acte|sc[èe]ne|chant",
        "cap[íi]tulo|libro|parte|tomo|carta|acto|escena",
        "capitolo|lettera|atto|scena",
        "livro|ato|cena",
        "hoofdstuk|boek|deel|bedrijf|toneel|zang",
        "rozdzia[łl]|ksi[ęe]ga|cz[ęe][śs][ćc]|tom|list|pie[śs][ńn]",
        "глава|книга|часть|том|письмо|акт|действие|сцена|явление|песнь",
    ]
)

NUMBERS = "|".join(
    [
        r"\d{1,4}|[ivxlcdm]{1,9}",
        rf"(?:(?:{_ENGLISH_TENS})-?)?(?:{_ENGLISH_ONES})|ten|eleven|twelve|{_ENGLISH_TENS}",
        "(?:thir|four|fif|six|seven|eigh|nine)teen",
        "eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn",
        "un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix",
        "uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez",
        "due|tre|quattro|cinque|sei|sette|otto|nove|dieci",
    ]
)

ORDINALS = "|".join(
    [
        rf"(?:(?:{_ENGLISH_TENS})-?)?(?:{_ENGLISH_FIRST})|tenth|eleventh|twelfth|last",
        "(?:thir|four|fif|six|seven|eigh|nine)teenth|(?:twent|thirt|fort|fift)ieth",
        "(?:erst|zweit|dritt|viert|fünft|sechst|siebt|siebent|acht|neunt|zehnt|elft|zwölft|letzt)e[rs]?",
        "premi(?:er|[èe]re)|seconde?|(?:deux|trois|quatr|cinqu|six|sept|huit|neuv|dix)i[èe]me|derni(?:er|[èe]re)",
        "primer[oa]?|tercer[oa]?",
        "(?:segund|cuart|quint|sext|s[ée]ptim|octav|noven|d[ée]cim|[úu]ltim)[oa]",
        "(?:prim|second|terz|quart|sest|settim|ottav|non)[oa]",
        "(?:primeir|terceir|s[ée]tim|oitav)[oa]",
        "eerste|tweede|derde|vierde|vijfde|zesde|zevende|achtste|negende|tiende|laatste",
        "(?:pierwsz|czwart|pi[ąa]t|sz[óo]st|si[óo]dm|[óo]sm|dziewi[ąa]t|dziesi[ąa]t)[yae]|drugi?[ae]?|trzeci[ae]?",
        "(?:перв|четв[её]рт|пят|девят|десят)(?:ый|ая|ое)|(?:втор|шест|седьм|восьм)(?:ой|ая|ое)",
        "трет(?:ий|ья|ье)|последн(?:ий|яя|ее)",
    ]
)

# Parts that have a name and no number.
NAMED = "|".join(
    [
        "prologue|epilogue|preface|foreword|introduction|afterword|induction",
        "prolog|epilog|vorwort|nachwort|einleitung|vorspiel|nachspiel|zwischenspiel",
        "pr[ée]face|avant-propos|postface|[ée]pilogue",
        "pr[óo]logo|ep[íi]logo|prefacio|introducci[óo]n",
        "prefazione|introduzione|postfazione",
        "pref[áa]cio|introduç[ãa]o|posf[áa]cio",
        "voorwoord|nawoord|inleiding|proloog|epiloog",
        "wst[ęe]p|przedmowa|pos[łl]owie",
        "предисловие|послесловие|введение|пролог|эпилог",
    ]
)
