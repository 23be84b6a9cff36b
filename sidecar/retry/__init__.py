"""PURE. When may a rejected call be tried again?"""
