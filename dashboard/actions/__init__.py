"""The verbs that views, command line and worker share; none knows Streamlit."""
