"""Question sets: read, asked, judged, measured, compared. Above the product: no step of it imports this."""
