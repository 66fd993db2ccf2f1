"""The rules of lending as sentences, tables and properties; ``worlds`` makes up the libraries they are tried on."""
