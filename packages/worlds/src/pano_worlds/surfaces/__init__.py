"""What worlds are built of: shapes, exact curved surfaces, materials and their patterns."""
