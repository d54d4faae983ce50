"""eSchoolPLUS, and files in the Career Cruising and Xello layouts."""
