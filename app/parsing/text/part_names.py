# ruff: noqa: RUF001 - the words of many languages
"""What the parts of books are called and how they are numbered, in the languages whose headings are found."""

_ENGLISH_ONES = "one|two|three|four|five|six|seven|eight|nine"
_ENGLISH_FIRST = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth"
_ENGLISH_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ENGLISH_TEENS = "(?:thir|four|fif|six|seven|eigh|nine)teen"
_ENGLISH_BELOW_100 = (
    rf"(?:(?:{_ENGLISH_TENS})[- ]?)?(?:{_ENGLISH_ONES})|ten|eleven|twelve|{_ENGLISH_TENS}|{_ENGLISH_TEENS}"
)

# In these languages a number with a full stop may come before the part: `2. Kapitel`, `III. Akt`.
_AFTER_NUMBERS = "|".join(
    [
        "kapitel|buch|teil|band|akt|aufzug|szene|auftritt|gesang|bild|abschnitt",
        "rozdzia[łl]|ksi[ęe]ga|cz[ęe][śs][ćc]|scena|ods[łl]ona|pie[śs][ńn]",
        "kapitola|kniha|d[íi]l|[čc][áa]st|jedn[áa]n[íi]|d[ěe]jstv[íi]|v[ýy]stup|zp[ěe]v",
        "fejezet|felvon[áa]s|jelenet|[ée]nek|k[öo]nyv|r[ée]sz",
        "luku|osa|n[äa]yt[öo]s|kohtaus|b[öo]l[üu]m|perde|sahne|kap[ií]tlet|akten",
        "глава|действие|явление|сцена|картина|часть|розділ|дія|ява|частина",
    ]
)

PARTS = "|".join(
    [
        "chapter|book|part|volume|letter|act|scene|canto|stave|fit|fytte",
        r"chap\.|sonnet|epistle|tale|idyll?|section|eclogue|tableau",
        "brief",
        "chapitre|livre|partie|tome|lettre|acte|sc[èe]ne|chant|[ée]p[îi]tre",
        "cap[íi]tulo|libro|parte|tomo|carta|acto|escena|jornada|cuadro",
        "capitolo|lettera|atto|quadro",
        "livro|ato|cena",
        "hoofdstuk|boek|deel|bedrijf|toneel|zang|akte",
        "tom|list",
        "книга|том|письмо|акт|песнь|песня|раздел|пісня",
        "bog|bok|del|scen|s[åa]ng",
        _AFTER_NUMBERS,
    ]
)

NUMBERS = "|".join(
    [
        r"\d{1,4}|[ivxlcdm]{1,9}|[\u2160-\u2188]{1,9}",
        rf"(?:(?:{_ENGLISH_ONES}) hundred(?: and)? )?(?:{_ENGLISH_BELOW_100})|(?:{_ENGLISH_ONES}) hundred",
        "eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf",
        r"(?:drei|vier|fünf|sech|sieb|acht|neun)zehn|(?:\w{3,6}und)?(?:zwan|drei|vier|fünf|sech|sieb|acht|neun)[zß]ig",
        "un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize",
        "dix-(?:sept|huit|neuf)|(?:vingt|trente|quarante|cinquante)"
        "(?:(?:-| et |-et-)(?:une?|deux|trois|quatre|cinq|six|sept|huit|neuf))?",
        "uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince",
        "dieci(?:s[ée]is|siete|ocho|nueve)|veinte|veinti[a-zúóé]{2,6}|(?:trei|cuare|cincue)nta"
        "(?: y (?:uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve))?",
        "due|tre|quattro|cinque|sei|sette|otto|nove|dieci|(?:un|do|tre|quattor|quin|se)dici|dicia?(?:ssette|otto|nnove)",
        "(?:vent|trent|quarant|cinquant)(?:[iau](?:due|tré|tre|quattro|cinque|sei|sette|nove)?|uno|otto)",
        "um|dois|tr[êe]s|quatro|cinco|sete|oito|dez|doze|treze|c?quatorze",
        "dez[ea]sse(?:is|te)|dezoito|dez[ae]nove|vinte(?: e [a-zêé]{2,6})?",
        "[ée][ée]n|twee|drie|vijf|zes|zeven|negen|tien|twaalf|(?:der|veer|vijf|zes|zeven|acht|negen)tien|twintig",
        "jeden|dwa|trzy|cztery|pięć|sześć|siedem|osiem|dziewięć|dziesięć",
        "один|два|три|четыре|пять|шесть|семь|восемь|девять|десять",
    ]
)

_RUSSIAN_FIRST = (
    "(?:перв|четв[её]рт|пят|девят)(?:ый|ая|ое)|(?:втор|шест|седьм|восьм)(?:ой|ая|ое)|трет(?:ий|ья|ье)"
)
_POLISH_FIRST = "(?:pierwsz|czwart|pi[ąa]t|sz[óo]st|si[óo]dm|[óo]sm|dziewi[ąa]t)[yae]|drugi?[ae]?|trzeci[ae]?"
_ROMANCE_FIRST = (
    "(?:prim|primer|tercer|cuart|quint|sext|s[ée]ptim|octav|noven|segund|primeir|terceir|quart|oitav|non)[oa]"
)

ORDINALS = "|".join(
    [
        rf"(?:(?:{_ENGLISH_TENS})[- ]?)?(?:{_ENGLISH_FIRST})|tenth|eleventh|twelfth|hundredth|last",
        rf"{_ENGLISH_TEENS}th|(?:twent|thirt|fort|fift|sixt|sevent|eight|ninet)ieth",
        "(?:erst|zweit|dritt|viert|fünft|sechst|siebt|siebent|acht|neunt|zehnt|elft|zwölft|letzt)e[rsn]?",
        r"(?:\w{3,6}zehn|\w{3,14}[zß]igs)te?[rsn]?",
        "premi(?:er|[èe]re)|seconde?|derni(?:er|[èe]re)|(?:[a-z]{4,9}-)?[a-z]{3,9}i[èe]me|vingt et uni[èe]me",
        "(?:second|terz|sest|settim|ottav|[úu]ltim)[oa]|[a-zé]{2,20}[ée]sim[oa]"
        "(?:primo|secondo|terzo|quarto|quinto|sesto|settimo|ottavo|nono)?",
        rf"(?:un|duo)?d[ée]cim[oa](?:[ -]?(?:{_ROMANCE_FIRST}|(?:second|terz|sest|settim|ottav)[oa]))?",
        rf"(?:vig|trig|cuadrag)[ée]sim[oa] (?:{_ROMANCE_FIRST})|{_ROMANCE_FIRST}",
        "eerste|tweede|derde|vierde|vijfde|zesde|zevende|achtste|negende|tiende|elfde|twaalfde|laatste",
        r"\w{3,6}tiende|\w{2,14}tigste",
        rf"{_POLISH_FIRST}|dziesi[ąa]t[yae]|\w{{2,9}}nast[yae]|\w{{3,5}}dziest[yae](?: (?:{_POLISH_FIRST}))?",
        rf"{_RUSSIAN_FIRST}|\w{{2,7}}надцат(?:ый|ая|ое)|\w{{0,8}}десят(?:ый|ая|ое)|(?:два|три)дцат(?:ый|ая|ое)",
        "сороков(?:ой|ая|ое)",
        rf"(?:двадцать|тридцать|сорок|пятьдесят) (?:{_RUSSIAN_FIRST})|последн(?:ий|яя|ее)",
        "första|andra|tredje|fjärde|femte|sjätte|sjunde|åttonde|nionde|tionde",
        r"\d{1,3}(?:st|nd|rd|th|er|re|[èe]re|[èe]me|e|º|ª|°|-?[йяе])",
        r"[ivxlc]{1,7}(?:er|[èe]re|[èe]?me|º|ª|°)|(?-i:[IVXLC]{1,7}e)",
    ]
)

_ARTICLES = "the|der|die|das|le|la|el|il|o|a|de|het|den"
# `the First Act`, `Dreizehntes Kapitel`, `La première partie`, `2. Kapitel`.
NUMBER_FIRST = (
    rf"(?:(?:{_ARTICLES})\s+|l['’])?(?:{ORDINALS})\s+(?:{PARTS})"
    rf"|(?:\d{{1,3}}|[ivxlc]{{1,7}})\.\s+(?:{_AFTER_NUMBERS})"
)
# `Chapter IV`, `Act the Second`, `CHAPITRE Ier`, `Chapter No. 1`.
PART_FIRST = rf"(?:{PARTS})\s+(?:(?:the\s+)?(?:{ORDINALS})|(?:n(?:[or]\.|[º°])\s*)?(?:{NUMBERS}))"

# Parts that have a name and no number.
NAMED = "|".join(
    [
        "prologue|epilogue|preface|foreword|introduction|afterword|induction|interlude|prelude|postscript",
        "prolog|epilog|vorwort|nachwort|einleitung|vorspiel|nachspiel|zwischenspiel|vorrede",
        "pr[ée]face|avant-propos|postface|[ée]pilogue|interm[èe]de|pr[ée]lude",
        "pr[óo]logo|ep[íi]logo|prefacio|introducci[óo]n|interludio|preludio",
        "prefazione|introduzione|postfazione|intermezzo",
        "pref[áa]cio|introduç[ãa]o|posf[áa]cio|interl[úu]dio",
        "voorwoord|nawoord|inleiding|proloog|epiloog|tussenspel",
        "wst[ęe]p|przedmowa|pos[łl]owie",
        "предисловие|послесловие|введение|пролог|эпилог",
        "序章|序幕|序言|前言|楔子|引子|尾声|尾聲|终章|終章|后记|後記|プロローグ|エピローグ|머리말|프롤로그|에필로그",
    ]
)

# `第一章`, `第2幕`, `제1장`: part and number in one word.
IN_ONE_WORD = (
    r"第\s*[\d〇○零一二三四五六七八九十百千两兩廿卅]+\s*[章回节節幕场場卷部篇折出集话話编編巻册冊]"
    r"|제\s*[\d일이삼사오육칠팔구십백]+\s*[장막부권편화절]"
)
