"""eSchoolPLUS by the OneRoster face of its PLUS 360 API."""
