# ruff: noqa: RUF001 - words of many languages
"""Words whose point ends no sentence, by language."""

# Whatever follows. One letter alone needs no entry, nor does what only small letters or numbers follow.
ABBREVIATIONS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "mr mrs ms messrs dr st mt prof rev hon capt col gen lt sgt gov sen sr jr vs cf e.g i.e viz",
        "fr": "mm mme mmes mlle mlles dr me mgr pr st ste bd av cf chap éd",
        "de": "hr fr frl dr prof st str z.b d.h u.a bzw ca vgl sog bd hrsg geb gest",
        "ru": "г гг ул им см стр рис тов проф акад гр гл т.е пр",
        "es": "sr sra srta dr dra d.ª dña ud uds prof cf",
        "it": "sig sig.ra sigg dott prof ing avv cf ecc",
        "pt": "sr sra dr dra prof d exmo cf",
        "nl": "dhr mevr mw dr drs prof ir ing jhr st bijv",
    }.items()
}
# Where a number and a point before a name are a day: "am 12. Oktober".
ORDINALS = frozenset({"de", "da", "no", "fi", "cs", "hu", "pl"})
# Whole words of one letter, which may end a sentence.
LETTERS = frozenset({"I", "я", "Я", "y"})
