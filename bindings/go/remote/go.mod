module hotbackup/remote

go 1.24

require hotbackup v0.0.0

replace hotbackup => ../
