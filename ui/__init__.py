"""The pages a person uses, drawn with Streamlit. They arrive with the next release."""
