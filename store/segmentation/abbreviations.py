# ruff: noqa: RUF001 - words of many languages
"""Abbreviations and one-letter words, by language: where a full stop does or does not end a sentence."""

# A full stop after one of these ends no sentence, whatever follows. The list leaves out what
# `sentence_splitter` sees by itself: single letters, and words before a lower-case word or a number.
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
# Languages that write a day as a number and a full stop, and a capital letter after it: "am 12. Oktober".
ORDINALS = frozenset({"de"})
# Whole words of one letter; a sentence may end with one.
LETTERS = frozenset({"I", "я", "Я", "y"})
