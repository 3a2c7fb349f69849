"""What a page shows, written as a URL. No Streamlit here."""
