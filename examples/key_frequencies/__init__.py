"""Rules for key frequencies, compared on many networks: which rule names the frequencies that a network relies on?"""
